import { parseAllDocuments, stringify } from 'yaml';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly labels?: Record<string, string> };
}

/** What `helm template` rendered, without what only Helm needs: its labels and its test. */
export function kustomizeBase(rendered: string): string {
  const manifests = parseAllDocuments(rendered)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null && manifest.kind !== 'Pod');
  for (const manifest of manifests) {
    delete manifest?.metadata.labels?.['helm.sh/chart'];
    delete manifest?.metadata.labels?.['app.kubernetes.io/managed-by'];
  }
  const made = '# Made from the chart by node tools/deploy/write-kustomize-base.ts.\n';
  return made + manifests.map((manifest) => stringify(manifest, { lineWidth: 0 })).join('---\n');
}

/** Arguments for helm, from the repository's root. */
export const helmArguments = [
  'template',
  'tensorgate',
  'deploy/helm/tensorgate',
  '--values',
  'deploy/kustomize/values.yaml',
] as const;
