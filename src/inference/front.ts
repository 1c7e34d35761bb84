/** Through which door a request came: one of the protocols, or `infer` of an embedder. */
export const fronts = ['grpc', 'http', 'embedded'] as const;

export type Front = (typeof fronts)[number];
