/** What the stages log through; pino's shape. Fields never hold secrets, tensors or client-controlled keys. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a line of the access log says; such lines are never too many. */
export const accessMessage = 'request';

/** Says nothing; for tests and embedders. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
