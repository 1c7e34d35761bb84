import { ServingError } from '../errors.ts';

/** Rows that are read at once. */
const rowsAtOnce = 10_000;

/**
 * The columns of a Parquet file and its rows, in pieces. Needs the package hyparquet.
 *
 * @param kinds values: columns of single values; lists: also those of lists and of more, which are arrays or objects then.
 */
export async function* readParquet(
  path: string,
  kinds: 'values' | 'lists' = 'values',
): AsyncGenerator<readonly unknown[], void, void> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } =
    await import('hyparquet').catch((cause: unknown) => {
      throw new ServingError(
        'failed_precondition',
        'reading Parquet needs the package hyparquet: npm install hyparquet@1.31.5',
        { cause },
      );
    });
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const names = parquetSchema(metadata)
    .children.filter(({ children }) => children.length === 0 || kinds === 'lists')
    .map(({ element }) => element.name);
  yield names;
  const rows = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < rows; rowStart += rowsAtOnce) {
    const rowEnd = Math.min(rowStart + rowsAtOnce, rows);
    const objects: readonly Readonly<Record<string, unknown>>[] = await parquetReadObjects({
      file,
      metadata,
      columns: names,
      rowStart,
      rowEnd,
    });
    for (const row of objects) yield names.map((name) => row[name]);
  }
}
