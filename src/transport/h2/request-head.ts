import type { HeaderField } from './header-field.ts';

/** How large a header list was that is larger than the limit, in bytes as RFC 9113, section 6.5.2 counts them. */
export interface HeaderExcess {
  readonly sizeBytes: number;
  readonly limitBytes: number;
}

/** The header section of one request, checked against RFC 9113, section 8. Immutable and shared between equal requests. */
export class RequestHead {
  readonly method: string;
  /** '' for a CONNECT request. */
  readonly path: string;
  readonly scheme: string;
  readonly authority: string;
  readonly contentType: string | undefined;
  readonly contentLength: number | undefined;
  /** All fields in order, pseudo-header fields included. */
  readonly fields: readonly HeaderField[];
  /** The list was larger than the limit and `fields` is cut off: the request must be refused. */
  readonly excess: HeaderExcess | undefined;

  constructor(parts: HeadParts, fields: readonly HeaderField[], excess: HeaderExcess | undefined) {
    this.method = parts.method ?? '';
    this.path = parts.path ?? '';
    this.scheme = parts.scheme ?? '';
    this.authority = parts.authority ?? '';
    this.contentType = parts.contentType;
    this.contentLength = parts.contentLength;
    this.fields = fields;
    this.excess = excess;
  }

  /** The first value of a lower-case name. */
  get(name: string): string | undefined {
    for (const field of this.fields) if (field.name === name) return field.value;
    return undefined;
  }
}

interface HeadParts {
  method: string | undefined;
  path: string | undefined;
  scheme: string | undefined;
  authority: string | undefined;
  contentType: string | undefined;
  contentLength: number | undefined;
}

type PseudoKind = 'method' | 'path' | 'scheme' | 'authority';

/** Undefined when the request is malformed (RFC 9113, section 8.1.1); its stream is to be reset then. */
export function readRequestHead(
  fields: readonly HeaderField[],
  excess: HeaderExcess | undefined,
): RequestHead | undefined {
  const parts: HeadParts = {
    method: undefined,
    path: undefined,
    scheme: undefined,
    authority: undefined,
    contentType: undefined,
    contentLength: undefined,
  };
  let sawRegular = false;
  for (const field of fields) {
    const { kind } = field;
    switch (kind) {
      case 'malformed':
        return undefined;
      case 'method':
      case 'path':
      case 'scheme':
      case 'authority':
        if (sawRegular || !setPseudo(parts, kind, field.value)) return undefined;
        break;
      case 'contentType':
        sawRegular = true;
        parts.contentType ??= field.value;
        break;
      case 'contentLength': {
        sawRegular = true;
        const length = Number(field.value);
        if (parts.contentLength !== undefined && parts.contentLength !== length) return undefined;
        parts.contentLength = length;
        break;
      }
      case 'ordinary':
        sawRegular = true;
        break;
    }
  }
  return excess !== undefined || isComplete(parts) ? new RequestHead(parts, fields, excess) : undefined;
}

/** False where the pseudo-header field occurs twice (RFC 9113, section 8.3). */
function setPseudo(parts: HeadParts, kind: PseudoKind, value: string): boolean {
  if (parts[kind] !== undefined) return false;
  parts[kind] = value;
  return true;
}

function isComplete(parts: HeadParts): boolean {
  if (parts.method === undefined) return false;
  if (parts.method === 'CONNECT') {
    return parts.authority !== undefined && parts.path === undefined && parts.scheme === undefined;
  }
  if (parts.path === undefined || parts.scheme === undefined) return false;
  return parts.path.startsWith('/') || (parts.path === '*' && parts.method === 'OPTIONS');
}

/** Trailers carry no pseudo-header fields and nothing malformed. */
export function areValidTrailers(fields: readonly HeaderField[]): boolean {
  for (const { kind } of fields) {
    if (kind !== 'ordinary' && kind !== 'contentType' && kind !== 'contentLength') return false;
  }
  return true;
}
