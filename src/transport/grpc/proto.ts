import { fileURLToPath } from 'node:url';
import {
  loadSync,
  type AnyDefinition,
  type PackageDefinition,
  type ServiceDefinition,
} from '@grpc/proto-loader';
import { ServingError } from '../../errors.ts';
import { boundMessage } from './bound-message.ts';

/** A decoded message: the proto's own field names, defaults filled in, int64 as decimal strings, enums as names. */
export type Message = Readonly<Record<string, unknown>>;

/** One rpc of a loaded service. */
export interface ProtoMethod {
  /** `/package.Service/Rpc`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** @throws invalid_argument when the bytes are no such message, resource_exhausted when they are too many fields. */
  readonly decode: (message: Buffer) => Message;
  /** int64 fields take numbers or decimal strings. */
  readonly encode: (reply: object) => Buffer;
}

export interface ProtoService {
  /** Full name, for example `inference.GRPCInferenceService`. */
  readonly name: string;
  /** @throws (bug) when the service has no such rpc. */
  method(rpc: string): ProtoMethod;
  readonly methods: ReadonlyMap<string, ProtoMethod>;
  /** Path below proto/. */
  readonly protoFile: string;
}

/** The folder of the .proto files, the same from src and from dist. */
export const protoFolder = fileURLToPath(new URL('../../../proto/', import.meta.url));

const loaded = new Map<string, ProtoService>();

/**
 * Reads a service from a file of proto/, once per process (parsing the largest takes tens of milliseconds).
 *
 * @param protoFile path below proto/, for example `tensorgate/admin/v1/admin.proto`.
 */
export function loadService(protoFile: string, serviceName: string): ProtoService {
  const key = `${protoFile}#${serviceName}`;
  let service = loaded.get(key);
  if (service === undefined) {
    service = readService(protoFile, serviceName);
    loaded.set(key, service);
  }
  return service;
}

function readService(protoFile: string, serviceName: string): ProtoService {
  const definitions = loadDefinitions(protoFile);
  const definition = definitions[serviceName];
  if (definition === undefined || !isService(definition)) {
    throw new Error(`bug: ${protoFile} has no service ${serviceName}`);
  }
  const methods = new Map<string, ProtoMethod>();
  for (const [rpc, method] of Object.entries(definition)) {
    methods.set(rpc, {
      path: method.path,
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      decode: createDecode(rpc, method.requestDeserialize),
      encode: method.responseSerialize,
    });
  }
  return {
    name: serviceName,
    methods,
    protoFile,
    method(rpc) {
      const method = methods.get(rpc);
      if (method === undefined) throw new Error(`bug: ${serviceName} has no rpc ${rpc}`);
      return method;
    },
  };
}

const definitionsByFile = new Map<string, PackageDefinition>();

/** Everything that a file of proto/ and its imports define, by full name. Read once per process. */
export function loadDefinitions(protoFile: string): PackageDefinition {
  let found = definitionsByFile.get(protoFile);
  if (found === undefined) {
    found = readDefinitions(protoFile);
    definitionsByFile.set(protoFile, found);
  }
  return found;
}

function readDefinitions(protoFile: string): PackageDefinition {
  return loadSync(protoFile, {
    // The loader carries google/protobuf itself and warns when told where to look for it.
    ...(protoFile.startsWith('google/') ? undefined : { includeDirs: [protoFolder] }),
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
}

function createDecode(rpc: string, deserialize: (message: Buffer) => object): (message: Buffer) => Message {
  return (message) => {
    boundMessage(rpc, message);
    try {
      return deserialize(message) as Message;
    } catch (cause) {
      throw new ServingError('invalid_argument', 'request is not a valid protobuf message', {
        reason: 'MALFORMED_MESSAGE',
        cause,
      });
    }
  };
}

export function isService(definition: AnyDefinition): definition is ServiceDefinition {
  return !('format' in definition);
}
