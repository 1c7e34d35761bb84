"""Makes the messages of tensorflow-serving-api importable without TensorFlow.

They come from the package tensorflow-protobuf, but for one file that is newer than it: the codes of errors.
"""

import sys
from types import ModuleType

from google.protobuf import descriptor_pb2, descriptor_pool

CODES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED"
    " RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS"
    " UNAUTHENTICATED"
).split()

codes = descriptor_pb2.FileDescriptorProto(
    name="xla/tsl/protobuf/error_codes.proto", package="tensorflow.error", syntax="proto3"
)
enum = codes.enum_type.add(name="Code")
for number, name in enumerate(CODES):
    enum.value.add(name=name, number=number)
forward = descriptor_pb2.FileDescriptorProto(
    name="tensorflow/core/protobuf/error_codes.proto",
    syntax="proto3",
    dependency=[codes.name],
    public_dependency=[0],
)
pool = descriptor_pool.Default()
for file in (codes, forward):
    pool.AddSerializedFile(file.SerializeToString())

module = ModuleType("tensorflow.core.protobuf.error_codes_pb2")
module.xla_dot_tsl_dot_protobuf_dot_error__codes__pb2 = ModuleType("xla.tsl.protobuf.error_codes_pb2")
sys.modules[module.__name__] = module
