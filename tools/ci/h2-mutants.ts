/** A rule of src/transport/h2 that is left out: the first place of `find` becomes `replace`. */
export interface Mutant {
  /** What is let through. */
  readonly name: string;
  /** In src/transport/h2. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'padding that is never given back',
    file: 'receiver.ts',
    find: 'stream?.credit(padding);',
    replace: '',
  },
  {
    name: 'a connection window that may be exceeded',
    file: 'receiver.ts',
    find: 'if (this.#windowBytes < 0) {',
    replace: 'if (false) {',
  },
  {
    name: 'a stream window that may be exceeded',
    file: 'receiver.ts',
    find: 'if (stream.receiveWindowBytes < 0)',
    replace: 'if (false)',
  },
  {
    name: 'a content-length that nobody compares',
    file: 'receiver.ts',
    find: 'stream.declaredBytes >= 0 &&',
    replace: 'false &&',
  },
  { name: 'even stream ids', file: 'receiver.ts', find: 'if ((streamId & 1) === 0)', replace: 'if (false)' },
  {
    name: 'padding longer than HEADERS',
    file: 'receiver.ts',
    find: 'if (padBytes > end - start)',
    replace: 'if (false)',
  },
  {
    name: 'HEADERS on closed streams',
    file: 'receiver.ts',
    find: "throw new ConnectionError(errorCode.streamClosed, 'HEADERS on a closed stream');",
    replace: 'return;',
  },
  {
    name: 'trailers that do not end the stream',
    file: 'receiver.ts',
    find: 'else if (!endStream || !isValid)',
    replace: 'else if (!isValid)',
  },
  {
    name: 'malformed trailers',
    file: 'receiver.ts',
    find: 'else if (!endStream || !isValid)',
    replace: 'else if (!endStream)',
  },
  {
    name: 'DATA after the end of a stream',
    file: 'receiver.ts',
    find: '} else if (stream.remoteClosed) {',
    replace: '} else if (false) {',
  },
  {
    name: 'frames between HEADERS and CONTINUATION',
    file: 'receiver.ts',
    find: '(type !== frameType.continuation || streamId !== this.#fragments.streamId)',
    replace: 'false',
  },
  {
    name: 'a first frame other than SETTINGS',
    file: 'receiver.ts',
    find: 'if (type !== frameType.settings || (flags & flag.ack) !== 0) {',
    replace: 'if (false) {',
  },
  {
    name: 'a stream that depends on itself',
    file: 'receiver.ts',
    find: 'dependsOnItself = readUint31(bytes, start) === streamId;',
    replace: 'dependsOnItself = false;',
  },
  {
    name: 'SETTINGS acknowledged with a payload',
    file: 'receiver.ts',
    find: 'if (end !== start)',
    replace: 'if (false)',
  },
  {
    name: 'settings that move no window',
    file: 'receiver.ts',
    find: 'stream.sendWindowBytes += difference;',
    replace: '',
  },
  {
    name: 'more streams than the limit',
    file: 'receiver.ts',
    find: 'host.refusesStreams || host.streams.busy >= host.limits.maxConcurrentStreams',
    replace: 'host.refusesStreams',
  },
  {
    name: 'resets without a limit',
    file: 'receiver.ts',
    find: "host.guard.spend('resets', host.now)",
    replace: 'void 0',
  },
  {
    name: 'provoked resets without a limit',
    file: 'receiver.ts',
    find: "sink.onAborted();\n    this.#host.guard.spend('provokedResets', this.#host.now);",
    replace: 'sink.onAborted();',
  },
  {
    name: 'pings without a limit',
    file: 'receiver.ts',
    find: "host.guard.spend('pings', host.now);",
    replace: '',
  },
  {
    name: 'empty DATA without a limit',
    file: 'receiver.ts',
    find: "if (frameBytes === 0 && !endStream) host.guard.spend('emptyData', host.now);",
    replace: '',
  },
  {
    name: 'window updates of nothing',
    file: 'receiver.ts',
    find: '} else if (increment === 0) {',
    replace: '} else if (false) {',
  },
  {
    name: 'a connection window above 2^31-1',
    file: 'sender.ts',
    find: 'if (this.#windowBytes > largestWindowBytes) return false;',
    replace: '',
  },
  {
    name: 'a stream window above 2^31-1',
    file: 'sender.ts',
    find: 'if (stream.sendWindowBytes > largestWindowBytes) return false;',
    replace: '',
  },
  {
    name: "sending beyond the stream's window",
    file: 'sender.ts',
    find: '        this.#windowBytes,\n        stream.sendWindowBytes,\n',
    replace: '        this.#windowBytes,\n',
  },
  {
    name: "sending beyond the connection's window",
    file: 'sender.ts',
    find: '        this.#windowBytes,\n        stream.sendWindowBytes,\n',
    replace: '        stream.sendWindowBytes,\n',
  },
  {
    name: "whole replies beyond the stream's window",
    file: 'sender.ts',
    find: 'dataBytes > stream.sendWindowBytes ||',
    replace: '',
  },
  {
    name: 'frames larger than the peer takes',
    file: 'sender.ts',
    find: '        this.#maxFrameBytes,\n',
    replace: '',
  },
  {
    name: 'a smaller table that nobody confirms',
    file: 'sender.ts',
    find: 'this.#mustEmptyTable = true;',
    replace: '',
  },
  {
    name: 'an initial window above 2^31-1',
    file: 'settings.ts',
    find: 'if (value > largestWindowBytes) {',
    replace: 'if (false) {',
  },
  {
    name: 'a frame size out of range',
    file: 'settings.ts',
    find: 'if (value < defaultMaxFrameBytes || value > largestMaxFrameBytes) {',
    replace: 'if (false) {',
  },
  {
    name: 'SETTINGS of odd length',
    file: 'settings.ts',
    find: 'if ((end - start) % entryBytes !== 0) {',
    replace: 'if (false) {',
  },
  {
    name: 'a table size after a field',
    file: 'hpack-decoder.ts',
    find: "if (listBytes > 0) throw compressionError('table size update after a field');",
    replace: '',
  },
  {
    name: 'a table above the announced size',
    file: 'hpack-decoder.ts',
    find: 'if (capacityBytes > defaultHeaderTableBytes)',
    replace: 'if (false)',
  },
  {
    name: 'integers without an end',
    file: 'hpack-decoder.ts',
    find: 'this.#at >= this.#end || shift > maxIntegerShift',
    replace: 'this.#at >= this.#end',
  },
  {
    name: 'header lists without a limit',
    file: 'hpack-decoder.ts',
    find: 'if (listBytes <= this.#maxListBytes) fields.push(field);',
    replace: 'fields.push(field);',
  },
  {
    name: 'a table that evicts nothing',
    file: 'dynamic-table.ts',
    find: 'this.#evictTo(this.#capacityBytes - field.sizeBytes);',
    replace: '',
  },
  {
    name: 'Huffman padding of any kind',
    file: 'huffman.ts',
    find: 'machine.accepts[state] === 1',
    replace: 'true',
  },
  {
    name: 'names in upper case',
    file: 'header-field.ts',
    find: "return isValidName(name) ? 'ordinary' : 'malformed';",
    replace: "return 'ordinary';",
  },
  {
    name: 'values with control characters',
    file: 'header-field.ts',
    find: "if (!isValidValue(value)) return 'malformed';",
    replace: '',
  },
  {
    name: 'te with other values',
    file: 'header-field.ts',
    find: "value === 'trailers' ? 'ordinary' : 'malformed'",
    replace: "'ordinary'",
  },
  {
    name: 'pseudo-header fields after others',
    file: 'request-head.ts',
    find: 'if (sawRegular || !setPseudo',
    replace: 'if (!setPseudo',
  },
  {
    name: 'pseudo-header fields twice',
    file: 'request-head.ts',
    find: 'if (parts[kind] !== undefined) return false;',
    replace: '',
  },
  {
    name: 'requests without a scheme',
    file: 'request-head.ts',
    find: ' || parts.scheme === undefined) return false;',
    replace: ') return false;',
  },
  {
    name: 'blocks of any number of fragments',
    file: 'header-blocks.ts',
    find: 'if (this.#fragments.length > this.#limits.maxContinuations)',
    replace: 'if (false)',
  },
  {
    name: 'blocks of any size',
    file: 'header-blocks.ts',
    find: 'if (this.#sizeBytes > this.#limits.maxHeaderBlockBytes)',
    replace: 'if (false)',
  },
  {
    name: 'a cache of requests that outlives the table',
    file: 'header-blocks.ts',
    find: '    const list = this.#decoder.decode(bytes, start, end);\n    if (list.changedTable) this.#cache.clear();\n    if (list.oversized)',
    replace: '    const list = this.#decoder.decode(bytes, start, end);\n    if (list.oversized)',
  },
  {
    name: 'a cache of requests that outlives trailers',
    file: 'header-blocks.ts',
    find: '    if (list.changedTable) this.#cache.clear();\n    return',
    replace: '    return',
  },
  {
    name: 'frames above the announced size',
    file: 'frame-parser.ts',
    find: 'if (size > this.#maxFrameBytes) throw frameTooLarge();',
    replace: '',
  },
  {
    name: 'any connection preface',
    file: 'frame-parser.ts',
    find: 'clientPreface.compare(chunk, 0, count, from, from + count) !== 0',
    replace: 'false',
  },
];
