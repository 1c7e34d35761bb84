/** Says what the file of a profile is, and in which form. */
export const profileFormat = 'tensorgate-profile-1';
