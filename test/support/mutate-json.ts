/** A change of a JSON value: where, and what became of it. */
export interface MutatedJson {
  readonly title: string;
  readonly value: unknown;
}

/** What stands in place of something else. */
const replacements: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 40,
  'x',
  '',
  [],
  {},
  [[]],
  [null],
  { x: 1 },
];

/** Elements of lists are looked at up to this one: the others are like it. */
const elements = 2;

/** All values that differ from this one in one place: something else there, nothing, something more, or the same twice. */
export function* mutateJson(value: unknown, at = ''): Generator<MutatedJson, void, void> {
  for (const replacement of replacements) {
    yield { title: `${at || 'all'} becomes ${JSON.stringify(replacement)}`, value: replacement };
  }
  if (Array.isArray(value)) yield* mutateList(value, at);
  else if (typeof value === 'object' && value !== null) yield* mutateObject(value, at);
}

function* mutateList(list: readonly unknown[], at: string): Generator<MutatedJson, void, void> {
  if (list.length > 0) {
    yield { title: `${at} without its last`, value: list.slice(0, -1) };
    yield { title: `${at} with its first again`, value: [...list, list[0]] };
  }
  for (const [index, element] of list.slice(0, elements).entries()) {
    for (const { title, value } of mutateJson(element, `${at}[${index}]`)) {
      yield { title, value: list.with(index, value) };
    }
  }
}

function* mutateObject(object: object, at: string): Generator<MutatedJson, void, void> {
  yield { title: `${at} with another field`, value: { ...object, unheard_of: { of: [1] } } };
  for (const [name, field] of Object.entries(object)) {
    const { [name]: _gone, ...others } = Object.fromEntries(Object.entries(object));
    yield { title: `${at}.${name} is left out`, value: others };
    for (const { title, value } of mutateJson(field, `${at}.${name}`)) {
      yield { title, value: { ...object, [name]: value } };
    }
  }
}
