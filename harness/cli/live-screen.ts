import { createLogUpdate } from 'log-update';

/** A few lines at the bottom of a terminal that are drawn again and again; everything else scrolls above them. */
export interface LiveScreen {
  /** Writes something to the terminal, above the lines. */
  above(write: () => void): void;
  /** Draws now. */
  redraw(): void;
  /** Takes the lines away. */
  end(): void;
}

/** The stream's part that is used. */
export type Terminal = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** Options of {@link openLiveScreen}. */
export interface LiveScreenOptions {
  /** The lines, for a terminal of that size. */
  readonly lines: (size: { readonly columns: number; readonly rows: number }) => readonly string[];
  /** How often they are drawn, milliseconds; 500. */
  readonly everyMs?: number | undefined;
}

/** Whether lines can be drawn in place there. */
export function canRedraw({ isTTY }: Terminal): boolean {
  const { TERM } = process.env;
  return isTTY === true && TERM !== undefined && TERM !== '' && TERM !== 'dumb';
}

/** Lines that other output keeps on the screen, at least. */
const OTHERS = 2;

/** Terminals that do not know their size (`script` without one, serial lines) give 0. */
function sizeOr(otherwise: number, given: number | undefined): number {
  return given === undefined || given === 0 ? otherwise : given;
}

/**
 * Begins to draw. The cursor stays visible all the time, so that no end of crashpath, not even SIGKILL, leaves a terminal
 * without one.
 */
export function openLiveScreen(terminal: Terminal, options: LiveScreenOptions): LiveScreen {
  const { lines, everyMs = 500 } = options;
  const log = createLogUpdate(terminal, { showCursor: true });
  const redraw = () => {
    const columns = sizeOr(80, terminal.columns);
    const rows = sizeOr(24, terminal.rows);
    log(lines({ columns, rows: Math.max(1, rows - OTHERS) }).join('\n'));
  };
  const resized = () => {
    log.clear();
    redraw();
  };
  const timer = setInterval(redraw, everyMs);
  // The campaign keeps the process alive, not its display.
  timer.unref();
  terminal.on('resize', resized);
  redraw();
  return {
    above(write) {
      log.clear();
      write();
      redraw();
    },
    redraw,
    end() {
      clearInterval(timer);
      terminal.off('resize', resized);
      log.clear();
    },
  };
}
