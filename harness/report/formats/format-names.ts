/** The formats that stored runs can be reported in, by the word of `--format`. No imports: the command line lists them. */
export const FORMAT_NAMES = ['html', 'junit', 'ktap', 'tap', 'kcidb', 'github', 'markdown'] as const;

export type FormatName = (typeof FORMAT_NAMES)[number];
