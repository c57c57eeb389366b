/** The socket of a guest's supervisor, in the run directory. It answers `status` and `end`, one line each. */
export const KEEP_SOCKET = 'keep.sock';
