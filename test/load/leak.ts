/** Preloaded into a server, this makes it leak 2 MiB a second: the soak must notice. */
const kept: Uint8Array[] = [];
setInterval(() => kept.push(new Uint8Array(1 << 20).fill(kept.length)), 500).unref();
