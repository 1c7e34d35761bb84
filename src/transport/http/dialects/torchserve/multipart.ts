import { refuseTorchserve } from './refuse-torchserve.ts';

/** One part of a multipart body. */
export interface FormPart {
  readonly name: string;
  /** Lower case, without parameters; '' when the part does not say. */
  readonly contentType: string;
  /** A view of the body. */
  readonly data: Buffer;
}

/** More parts than inputs of any model. */
const maxParts = 1024;

/** Longer heads of parts are refused. */
const maxHeadBytes = 1024;

const lineEnd = '\r\n';
const headEnd = '\r\n\r\n';

/** The boundary that a content type names; undefined when it is not multipart/form-data. @throws invalid_argument */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) return undefined;
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const boundary = found?.[1] ?? found?.[2];
  if (boundary === undefined) throw refuseTorchserve.form('its content type names no boundary');
  return boundary;
}

/** Takes a body of multipart/form-data apart. @throws invalid_argument */
export function readForm(body: Buffer, boundary: string): readonly FormPart[] {
  const delimiter = Buffer.from(`${lineEnd}--${boundary}`, 'latin1');
  const opening = delimiter.subarray(lineEnd.length);
  const parts: FormPart[] = [];
  let at = body.subarray(0, opening.length).equals(opening) ? opening.length : -1;
  if (at < 0) throw refuseTorchserve.form('it does not begin with its boundary');
  while (body.toString('latin1', at, at + 2) !== '--') {
    if (body.toString('latin1', at, at + 2) !== lineEnd)
      throw refuseTorchserve.form('a boundary does not end its line');
    if (parts.length >= maxParts) throw refuseTorchserve.form(`it has more than ${maxParts} parts`);
    // From the line's end, so that a part without any head is one.
    const head = body.subarray(at, at + maxHeadBytes).indexOf(headEnd, 0, 'latin1');
    if (head < 0) throw refuseTorchserve.form('the head of a part does not end');
    const start = at + head + headEnd.length;
    const end = body.indexOf(delimiter, start - lineEnd.length);
    if (end < 0) throw refuseTorchserve.form('its last boundary is missing');
    parts.push({
      ...readHead(body.toString('utf8', at, at + head)),
      data: body.subarray(start, Math.max(start, end)),
    });
    at = end + delimiter.length;
  }
  return parts;
}

const disposition = /^content-disposition:[ \t]*form-data\b(.*)$/im;

/** A parameter of a header; quoted text may hold what would begin another. */
const parameter = /;[ \t]*([\w*-]+)=(?:"([^"]*)"|([^\s;"]+))/g;

function readHead(head: string): Pick<FormPart, 'name' | 'contentType'> {
  const contentType = /^content-type:[ \t]*([^\s;]+)/im.exec(head)?.[1] ?? '';
  for (const [, key = '', quoted, plain] of (disposition.exec(head)?.[1] ?? '').matchAll(parameter)) {
    if (key.toLowerCase() !== 'name') continue;
    return { name: quoted ?? plain ?? '', contentType: contentType.toLowerCase() };
  }
  throw refuseTorchserve.form('a part has no name');
}
