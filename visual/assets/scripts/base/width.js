// A phone held upright; the styles say the same.
export const NARROW = matchMedia("(max-width: 640px)");
