const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** The value of `grpc-timeout` in milliseconds; undefined when it is not one to eight digits and a unit. */
export function parseTimeout(value: string): number | undefined {
  const digits = value.length - 1;
  const unit = unitMs[value.charAt(digits)];
  if (digits < 1 || digits > 8 || unit === undefined) return undefined;
  let amount = 0;
  for (let index = 0; index < digits; index++) {
    const digit = value.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return undefined;
    amount = amount * 10 + digit;
  }
  return amount * unit;
}
