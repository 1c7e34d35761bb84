import type { HttpCall } from '../../http-call.ts';
import { readBody } from '../../large-json/large-json.ts';
import { defaultModel } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { readTable, type TableForm, type TableRequest } from './read-table.ts';

/** The table in the body of a call, for the model that is meant where none is named. @throws as `readTable` */
export function readTableBody(
  { catalog, defaultModel: configured, maxBodyBytes }: DialectServices,
  call: HttpCall,
  form: TableForm,
): TableRequest | Promise<TableRequest> {
  const model = defaultModel(catalog, configured);
  const asked = { model, version: '', bytes: call.body, maxBytes: maxBodyBytes, ...form };
  return readBody(call, 'table', asked, { read: (here) => readTable(here, catalog) });
}
