import { z } from 'zod';
import { integer, list, optionalText, text, toggle } from './setting.ts';

const httpTls = z
  .strictObject({
    enabled: toggle(false, {
      flag: 'http-use-ssl',
      about: 'TLS on the HTTP port, with the files of --grpc-server-cert and --grpc-server-key.',
    }),
    mutual: toggle(false, {
      flag: 'http-use-ssl-mutual',
      about: 'Ask clients of HTTP for a certificate that chains to --grpc-root-cert; implies --http-use-ssl.',
    }),
  })
  .prefault({});

/** The options of the HTTP front. */
export const http = z
  .strictObject({
    enabled: toggle(true, { flag: 'allow-http', about: 'Listen for HTTP.' }),
    address: text('127.0.0.1', {
      flag: 'http-address',
      value: 'host',
      about: 'Address to listen on; 0.0.0.0 or :: for all.',
    }),
    port: integer(
      8000,
      { min: 0, max: 65_535 },
      {
        flag: 'http-port',
        value: 'port',
        about: 'Port to listen on; 0 picks a free one.',
      },
    ),
    unixSocket: optionalText({
      flag: 'http-unix-socket',
      value: 'path',
      about: 'Listen on this Unix socket as well.',
    }),
    onGrpcPort: toggle(false, {
      flag: 'http-on-grpc-port',
      about:
        'Serve HTTP on the port of gRPC, for platforms that give one port; --http-port is not used. TLS is as --grpc-use-ssl says.',
    }),
    maxInputBytes: integer(
      64 * 1024 * 1024,
      { min: 1024, max: 2 ** 31 - 1 },
      {
        flag: 'http-max-input-size',
        value: 'bytes',
        about: 'Largest body of a request, also after decompression.',
      },
    ),
    predictRoute: text('/predict', {
      flag: 'predict-route',
      value: 'path',
      about: 'Where the dialect vertex-ai takes predictions.',
    }),
    healthRoute: text('/health', {
      flag: 'health-route',
      value: 'path',
      about: 'Where the dialect vertex-ai tells whether a model is ready.',
    }),
    docs: toggle(true, {
      flag: 'http-docs',
      about:
        'Pages for people: / for browsers, with the models and how to call each, and /docs, to try the API; and /openapi.json.',
    }),
    sagemakerModels: optionalText({
      flag: 'sagemaker-models',
      value: 'folder',
      about:
        'Folder of the models of a multi-model endpoint of SageMaker, which the dialect sagemaker then loads and unloads. See platforms.md.',
    }),
    corsOrigins: list({
      flag: 'http-cors-origin',
      value: 'origin',
      about:
        'Web pages of this origin, such as https://app.example, may call; * for all. May be repeated. Others are refused.',
    }),
    tls: httpTls,
  })
  .prefault({});
