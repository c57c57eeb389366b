/** What is swept; more kinds may come. */
export const SWEEPS = ['nmi-transition'] as const;
