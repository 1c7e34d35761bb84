import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';
import { isService, loadDefinitions, protoFolder } from './proto.ts';

/** One .proto file as reflection sends it. */
export interface FileDescriptor {
  readonly name: string;
  /** Names of the files that it imports. */
  readonly imports: readonly string[];
  /** A serialized google.protobuf.FileDescriptorProto. */
  readonly bytes: Buffer;
  /** Full names of everything that the file defines: messages, enums, services and rpcs. */
  readonly symbols: readonly string[];
}

/** FileDescriptorProto and its parts, as far as they are touched here. */
interface FileMessage {
  name: string;
  package: string;
  dependency: string[];
  messageType: TypeMessage[];
  enumType: NamedMessage[];
  service: ServiceMessage[];
  syntax: string;
}

interface NamedMessage {
  name: string;
}

interface TypeMessage extends NamedMessage {
  field?: FieldMessage[];
  nestedType?: TypeMessage[];
  enumType?: NamedMessage[];
  options?: { mapEntry?: boolean } | null;
}

interface FieldMessage extends NamedMessage {
  jsonName?: string;
  typeName?: string;
}

interface ServiceMessage extends NamedMessage {
  method: { name: string; inputType: string; outputType: string }[];
}

/**
 * Describes a file of proto/ and all that it imports, imports first. The loader describes a whole package as one file,
 * with relative names; clients in Go insist on full names, on map entries called as protoc calls them, and on files.
 * Takes some tens of milliseconds, so it is done when the first client asks.
 */
export function describeFiles(protoFile: string): readonly FileDescriptor[] {
  const codec = descriptorCodec();
  const described = new Map<string, FileDescriptor>();
  const visit = (file: string): void => {
    if (described.has(file)) return;
    const imports = readImports(file);
    for (const imported of imports) visit(imported);
    const taken = new Set([...described.values()].flatMap((other) => other.symbols));
    described.set(file, describeFile(file, imports, taken, codec));
  };
  visit(protoFile);
  return [...described.values()];
}

interface DescriptorCodec {
  decode(bytes: Buffer): FileMessage;
  encode(file: FileMessage): Buffer;
}

/** Without filled-in defaults: a default value or a oneof index that is there at all makes a descriptor another one. */
function descriptorCodec(): DescriptorCodec {
  const definitions = loadSync('google/protobuf/descriptor.proto', { enums: String, arrays: true });
  const type = definitions['google.protobuf.FileDescriptorProto'];
  if (type === undefined || isService(type) || !('serialize' in type)) {
    throw new Error('bug: no descriptor of descriptors');
  }
  return {
    decode: (bytes) => type.deserialize(bytes) as FileMessage,
    encode: (file) => type.serialize(file),
  };
}

/** google/protobuf files come with the loader and import nothing that matters here. */
function readImports(file: string): readonly string[] {
  if (file.startsWith('google/')) return [];
  const text = readFileSync(join(protoFolder, file), 'utf8');
  return [...text.matchAll(/^import\s+(?:public\s+)?"([^"]+)";/gm)].map((match) => match[1] ?? '');
}

/** @param taken symbols of the files that this one imports, which the loader mixes in. */
function describeFile(
  file: string,
  imports: readonly string[],
  taken: ReadonlySet<string>,
  codec: DescriptorCodec,
): FileDescriptor {
  const definitions = loadDefinitions(file);
  const packages = mergedPackages(definitions, codec);
  const known = new Set(packages.flatMap((merged) => symbolsOf(merged)));
  const own: FileMessage = {
    name: file,
    package: '',
    dependency: [...imports],
    messageType: [],
    enumType: [],
    service: [],
    syntax: 'proto3',
  };
  for (const merged of packages) {
    const isOwn = ({ name }: NamedMessage): boolean => {
      const fullName = `${merged.package}.${name}`;
      return fullName in definitions && !taken.has(fullName);
    };
    const messages = merged.messageType.filter(isOwn);
    const enums = merged.enumType.filter(isOwn);
    const services = merged.service.filter(isOwn);
    if (messages.length + enums.length + services.length === 0) continue;
    own.package = merged.package;
    own.messageType.push(...messages);
    own.enumType.push(...enums);
    own.service.push(...services);
  }
  for (const message of own.messageType) completeMessage(message, own.package, known);
  for (const service of own.service) completeService(service, own.package, known);
  return { name: file, imports, bytes: codec.encode(own), symbols: symbolsOf(own) };
}

/** The loader's descriptors: one file per package. */
function mergedPackages(
  definitions: ReturnType<typeof loadDefinitions>,
  codec: DescriptorCodec,
): readonly FileMessage[] {
  for (const definition of Object.values(definitions)) {
    if (isService(definition)) continue;
    return definition.fileDescriptorProtos.map((bytes) => codec.decode(bytes));
  }
  return [];
}

function symbolsOf(file: FileMessage): readonly string[] {
  const symbols: string[] = [];
  const visit = (scope: string, message: TypeMessage): void => {
    const name = `${scope}.${message.name}`;
    symbols.push(name, ...(message.enumType ?? []).map((type) => `${name}.${type.name}`));
    for (const nested of message.nestedType ?? []) visit(name, nested);
  };
  for (const message of file.messageType) visit(file.package, message);
  for (const type of file.enumType) symbols.push(`${file.package}.${type.name}`);
  for (const service of file.service) {
    const name = `${file.package}.${service.name}`;
    symbols.push(name, ...service.method.map((method) => `${name}.${method.name}`));
  }
  return symbols;
}

/** As protoc does: absolute references, JSON names in camel case, map entries called `<Field>Entry`. */
function completeMessage(message: TypeMessage, scope: string, known: ReadonlySet<string>): void {
  const name = `${scope}.${message.name}`;
  for (const nested of message.nestedType ?? []) completeMessage(nested, name, known);
  for (const field of message.field ?? []) {
    field.jsonName = camelCase(field.name);
    if (field.typeName === undefined || field.typeName === '') continue;
    const entry = message.nestedType?.find(
      (nested) => nested.options?.mapEntry === true && nested.name === field.typeName,
    );
    if (entry === undefined) field.typeName = absoluteName(field.typeName, name, known);
    else {
      entry.name = `${pascalCase(field.name)}Entry`;
      field.typeName = `.${name}.${entry.name}`;
    }
  }
}

function completeService(service: ServiceMessage, scope: string, known: ReadonlySet<string>): void {
  for (const method of service.method) {
    method.inputType = absoluteName(method.inputType, scope, known);
    method.outputType = absoluteName(method.outputType, scope, known);
  }
}

/** Looks a relative name up as protobuf does: in the innermost scope first. */
function absoluteName(name: string, scope: string, known: ReadonlySet<string>): string {
  if (name.startsWith('.')) return name;
  for (let outer = scope; outer !== ''; outer = outer.slice(0, Math.max(0, outer.lastIndexOf('.')))) {
    if (known.has(`${outer}.${name}`)) return `.${outer}.${name}`;
  }
  return `.${name}`;
}

function pascalCase(name: string): string {
  return name
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}

function camelCase(name: string): string {
  return name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
