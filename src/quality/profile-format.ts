/** Says what the file of a profile is, and in which form. */
export const profileFormat = 'tensorgate-profile-1';

/** Features of a model that are watched at most. */
export const maxFeatures = 4096;

/** Elements of a vector that is watched as a whole, at most. */
export const maxVectorWidth = 65_536;
