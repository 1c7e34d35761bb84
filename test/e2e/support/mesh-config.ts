import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../support/source-tree.ts';

export interface MeshOptions {
  /** host:port of each server's gRPC. */
  readonly grpc: readonly string[];
  /** host:port of each server's HTTP, for paths below /http. */
  readonly http?: readonly string[];
  /** Of the route below /http, where Envoy passes it on. */
  readonly httpTimeoutMs?: number;
  /** Files of PEM by which the servers are reached with mutual TLS. */
  readonly tls?: { readonly authority: string; readonly cert: string; readonly key: string };
}

const types = 'type.googleapis.com/envoy.extensions';

function filter(name: string, type: string, fields: object = {}): object {
  return { name, typed_config: { '@type': `${types}.${type}`, ...fields } };
}

/** Envoy as a mesh has it: gRPC-Web, JSON by the descriptors of deploy/envoy, and a watch on servers that fail. */
export function meshConfig(options: MeshOptions): string {
  const { grpc, http = grpc, httpTimeoutMs = 0, tls } = options;
  const descriptors = readFileSync(join(root, 'deploy', 'envoy', 'inference.pb')).toString('base64');
  const manager = filter(
    'envoy.filters.network.http_connection_manager',
    'filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: 'mesh',
      codec_type: 'AUTO',
      http_filters: [
        filter('envoy.filters.http.grpc_web', 'filters.http.grpc_web.v3.GrpcWeb'),
        filter(
          'envoy.filters.http.grpc_json_transcoder',
          'filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder',
          {
            proto_descriptor_bin: descriptors,
            services: ['inference.GRPCInferenceService'],
            convert_grpc_status: true,
            print_options: { preserve_proto_field_names: true, always_print_primitive_fields: true },
          },
        ),
        filter('envoy.filters.http.router', 'filters.http.router.v3.Router'),
      ],
      route_config: {
        virtual_hosts: [
          {
            name: 'all',
            domains: ['*'],
            routes: [
              {
                match: { prefix: '/http/' },
                route: { cluster: 'http', prefix_rewrite: '/', timeout: `${httpTimeoutMs / 1000}s` },
              },
              {
                match: { prefix: '/' },
                route: {
                  cluster: 'servers',
                  timeout: '0s',
                  max_stream_duration: { grpc_timeout_header_max: '0s' },
                },
              },
            ],
          },
        ],
      },
    },
  );
  return JSON.stringify({
    admin: { address: socket('127.0.0.1:0') },
    static_resources: {
      listeners: [{ name: 'mesh', address: socket('127.0.0.1:0'), filter_chains: [{ filters: [manager] }] }],
      clusters: [
        {
          ...cluster('servers', grpc),
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': `${types}.upstreams.http.v3.HttpProtocolOptions`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          ...(tls === undefined ? {} : { transport_socket: mutualTls(tls) }),
        },
        cluster('http', http),
      ],
    },
  });
}

function cluster(name: string, addresses: readonly string[]): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '2s',
    lb_policy: 'ROUND_ROBIN',
    // As Istio's default: five failures in a row that look like a broken server.
    outlier_detection: {
      consecutive_5xx: 5,
      consecutive_gateway_failure: 5,
      enforcing_consecutive_gateway_failure: 100,
      interval: '0.1s',
      base_ejection_time: '60s',
      max_ejection_percent: 100,
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: addresses.map((address) => ({ endpoint: { address: socket(address) } })) }],
    },
  };
}

function socket(address: string): object {
  const [host = '', port = ''] = address.split(':');
  return { socket_address: { address: host, port_value: Number(port) } };
}

function mutualTls({ authority, cert, key }: NonNullable<MeshOptions['tls']>): object {
  return filter('envoy.transport_sockets.tls', 'transport_sockets.tls.v3.UpstreamTlsContext', {
    sni: 'localhost',
    common_tls_context: {
      alpn_protocols: ['h2'],
      tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
      validation_context: {
        trusted_ca: { filename: authority },
        match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: 'localhost' } }],
      },
    },
  });
}
