/** A page of metrics of a server with one version of one model, with the counters that the test names. */
export function metricsText(
  version: MetricsOfVersion,
  server: Readonly<Record<string, number>> = {},
): string {
  const { model = 'digits', version: number = '1', answered = [], ...values } = version;
  const labels = `model="${model}",version="${number}"`;
  const lines = [
    'tensorgate_build_info{version="1.2.3",node="26"} 1',
    'tensorgate_ready 1',
    ...Object.entries({ process_start_time_seconds: 1000, ...server }).map(
      ([name, value]) => `${name} ${value}`,
    ),
    `tensorgate_model_info{${labels},platform="onnxruntime_onnx",digest="x"} 1`,
    ...Object.entries(values.counters ?? {}).map(([name, value]) =>
      name.endsWith('}') ? `${name.slice(0, -1)},${labels}} ${value}` : `${name}{${labels}} ${value}`,
    ),
    ...answered.flatMap(([front, counts]) => histogramLines(`${labels},front="${front}"`, counts)),
  ];
  return `# HELP tensorgate_ready text\n${lines.join('\n')}\n`;
}

export interface MetricsOfVersion {
  readonly model?: string;
  readonly version?: string;
  /** By front: how many answers took up to 1, 10 and 100 ms, and longer. */
  readonly answered?: readonly (readonly [
    front: string,
    counts: readonly [number, number, number, number],
  ])[];
  /** By name, or by name and labels as they stand before the model's: `x{reason="y"}`. */
  readonly counters?: Readonly<Record<string, number>>;
}

function histogramLines(labels: string, counts: readonly number[]): readonly string[] {
  const name = 'tensorgate_request_duration_seconds';
  let total = 0;
  const buckets = counts.map((count, index) => {
    total += count;
    return `${name}_bucket{${labels},le="${['0.001', '0.01', '0.1', '+Inf'][index]}"} ${total}`;
  });
  return [...buckets, `${name}_count{${labels}} ${total}`, `${name}_sum{${labels}} ${total * 0.002}`];
}
