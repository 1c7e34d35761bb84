const variable = 'ORT_DISABLE_TELEMETRY';

/**
 * ONNX Runtime's Linux builds send usage data to Microsoft from the first session on, and keep an identifier of the machine
 * in the user's cache folder, unless this variable says otherwise. A server talks to whom its operator names: it is set, but
 * for operators who have set it themselves.
 *
 * To be called on the main thread: native code does not see the environment of another.
 */
export function refuseTelemetry(environment: NodeJS.ProcessEnv = process.env): void {
  environment[variable] ??= '1';
}
