/** Frame types of RFC 9113, section 6. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** Error codes of RFC 9113, section 7. */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
} as const;

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const frameHeaderBytes = 9;
/** The smallest and the default SETTINGS_MAX_FRAME_SIZE. */
export const defaultMaxFrameBytes = 16_384;
export const largestMaxFrameBytes = 16_777_215;
/** The window that both sides start with, of every stream and of the connection. */
export const defaultWindowBytes = 65_535;
export const largestWindowBytes = 0x7fff_ffff;
export const largestStreamId = 0x7fff_ffff;
/** The dynamic table's capacity until SETTINGS_HEADER_TABLE_SIZE says otherwise; ours always stays at it. */
export const defaultHeaderTableBytes = 4096;

/** What a client sends first (RFC 9113, section 3.4). */
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
