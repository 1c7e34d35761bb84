import { describeFiles, type FileDescriptor } from './file-descriptors.ts';
import type { StreamMethod } from './method.ts';
import { loadService, type Message, type ProtoService } from './proto.ts';

/** The protocol's two names, message for message the same. */
const versions = [
  ['reflection.proto', 'grpc.reflection.v1.ServerReflection'],
  ['reflection_v1alpha.proto', 'grpc.reflection.v1alpha.ServerReflection'],
] as const;

const notFound = 5;
const invalidArgument = 3;

/** Lets clients without our .proto files discover `services`, and reflection itself. */
export function createReflectionMethods(services: readonly ProtoService[]): readonly StreamMethod[] {
  const own = versions.map(([file, name]) => loadService(file, name));
  const catalog = new ReflectionCatalog([...services, ...own]);
  return own.map((service) => {
    const { path, decode, encode } = service.method('ServerReflectionInfo');
    return {
      kind: 'stream',
      path,
      scope: 'none',
      async handle(messages, reply) {
        for await (const message of messages) {
          const request = decode(message);
          const answer = catalog.answer(request);
          await reply.send(encode({ valid_host: request['host'], original_request: request, ...answer }));
        }
      },
    };
  });
}

class ReflectionCatalog {
  readonly #services: readonly ProtoService[];
  #files: Map<string, FileDescriptor> | undefined = undefined;
  readonly #fileOfSymbol = new Map<string, FileDescriptor>();

  constructor(services: readonly ProtoService[]) {
    this.#services = services;
  }

  /** The oneof message_response of the answer. */
  answer(request: Message): object {
    const files = (this.#files ??= this.#describe());
    const { file_by_filename: fileName, file_containing_symbol: symbol } = request;
    if (typeof fileName === 'string') return this.#file(files.get(fileName), fileName);
    if (typeof symbol === 'string') return this.#file(this.#fileOfSymbol.get(symbol), symbol);
    const { all_extension_numbers_of_type: type } = request;
    if (typeof type === 'string') {
      if (!this.#fileOfSymbol.has(type)) return failure(notFound, `unknown type '${type}'`);
      return { all_extension_numbers_response: { base_type_name: type, extension_number: [] } };
    }
    if (typeof request['list_services'] === 'string') {
      return { list_services_response: { service: this.#services.map(({ name }) => ({ name })) } };
    }
    if (request['message_request'] === 'file_containing_extension') {
      return failure(notFound, 'there are no extensions');
    }
    return failure(invalidArgument, 'message_request is missing');
  }

  #describe(): Map<string, FileDescriptor> {
    const files = new Map<string, FileDescriptor>();
    for (const { protoFile } of this.#services) {
      for (const file of describeFiles(protoFile)) files.set(file.name, file);
    }
    for (const file of files.values()) {
      for (const symbol of file.symbols) this.#fileOfSymbol.set(symbol, file);
    }
    return files;
  }

  /** The file and all that it imports, each once. */
  #file(file: FileDescriptor | undefined, asked: string): object {
    if (file === undefined) return failure(notFound, `'${asked}' is not known`);
    const chosen = new Set<FileDescriptor>([file]);
    for (const one of chosen) {
      for (const name of one.imports) {
        const imported = this.#files?.get(name);
        if (imported !== undefined) chosen.add(imported);
      }
    }
    return { file_descriptor_response: { file_descriptor_proto: [...chosen].map((one) => one.bytes) } };
  }
}

function failure(code: number, message: string): object {
  return { error_response: { error_code: code, error_message: message.slice(0, 1024) } };
}
