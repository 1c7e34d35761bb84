/** So much of a resource of the rate limiter. */
export interface RateLimitResource {
  readonly name: string;
  readonly count: number;
  /** undefined: on each device. */
  readonly deviceId: number | undefined;
}

/** Reads Triton's `name:count[:device]`; undefined for anything else. */
export function parseRateLimitResource(text: string): RateLimitResource | undefined {
  const found = /^(?<name>[^:]+):(?<count>\d{1,9})(?::(?<device>\d{1,4}))?$/.exec(text)?.groups;
  if (found === undefined) return undefined;
  const { name = '', count, device } = found;
  return { name, count: Number(count), deviceId: device === undefined ? undefined : Number(device) };
}
