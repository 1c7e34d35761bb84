/** What a Content-Type says. */
export interface MediaType {
  /** In lower case, without parameters. */
  readonly name: string;
  /** By lower-case name, without quotes. `charset` is left out. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** undefined for what is none, and for text that is not UTF-8. */
export function mediaType(header: string | undefined): MediaType | undefined {
  const [name = '', ...rest] = (header ?? '').split(';').map((part) => part.trim());
  if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(name)) return undefined;
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const found = /^([\w!#$&^.+-]+)=(?:"([^"]*)"|([^"]*))$/.exec(part);
    if (found === null) return undefined;
    const [, key = '', quoted, bare = ''] = found;
    const value = quoted ?? bare;
    if (key.toLowerCase() !== 'charset') parameters.set(key.toLowerCase(), value);
    else if (!/^(?:utf-?8|us-ascii)$/i.test(value)) return undefined;
  }
  return { name: name.toLowerCase(), parameters };
}
