/** Control, format, surrogate, private and unassigned characters, and the two separators that break lines. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

const plain = /^[\x20-\x7e]*$/;

/**
 * Text of a stranger, such as a name in a request, as it may stand in an error or a log line: what cannot be printed
 * becomes `?`, and a long text ends in `...`.
 */
export function printable(text: string, maxCharacters = 64): string {
  if (text.length <= maxCharacters && plain.test(text)) return text;
  const clean = text.slice(0, maxCharacters).toWellFormed().replace(unprintable, '?');
  return text.length > maxCharacters ? `${clean}...` : clean;
}
