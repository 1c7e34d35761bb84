import { startGrpcJsServer } from '../../../../src/transport/grpc/grpc-js-server.ts';
import { startH2GrpcServer } from '../../../../src/transport/grpc/h2-server.ts';
import type { StartGrpcServer } from '../../../../src/transport/grpc/method.ts';

/** Every implementation of StartGrpcServer. The whole suite runs on each. */
export const transports: readonly { readonly name: string; readonly start: StartGrpcServer }[] = [
  { name: 'grpc-js', start: startGrpcJsServer },
  { name: 'our HTTP/2', start: startH2GrpcServer },
];
