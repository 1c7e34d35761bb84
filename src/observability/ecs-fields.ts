/** Fields that the Elastic Common Schema has names for. */
const names: Readonly<Record<string, string>> = {
  traceId: 'trace.id',
  spanId: 'span.id',
  peer: 'client.address',
  principal: 'user.name',
  thread: 'process.thread.name',
};

const millisecond = 1e6;

export const ecsVersion = '8.17.0';

/**
 * The fields of a line by the names of the Elastic Common Schema; what it has no name for is below `tensorgate`, so that it
 * meets nothing of another kind in the same index.
 */
export function ecsFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const mapped: Record<string, unknown> = {};
  const own: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const known = Object.hasOwn(names, name) ? names[name] : undefined;
    if (name === 'error') mapped[name] = ecsError(value);
    else if (name === 'durationMs' && typeof value === 'number') {
      mapped['event.duration'] = Math.round(value * millisecond);
    } else if (known !== undefined) mapped[known] = typeof value === 'number' ? String(value) : value;
    else own[name] = value instanceof Error ? ecsError(value) : value;
  }
  return Object.keys(own).length === 0 ? mapped : { ...mapped, tensorgate: own };
}

function ecsError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const causes =
    error.cause instanceof Error ? `\ncaused by: ${error.cause.stack ?? error.cause.message}` : '';
  return {
    type: error.name,
    message: error.message,
    stack_trace: `${error.stack ?? error.message}${causes}`,
    ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
  };
}
