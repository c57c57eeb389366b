import { byId, make } from './dom.js';
import { startFilters } from './filters.js';
import { showKeys, startKeys } from './keys.js';
import { startTheme, themeButton } from './theme.js';
import { startViews } from './views.js';

/** The page's script: it runs when everything but the stored sections of the runs has been read. */

const keys = make('button', { type: 'button', ariaLabel: 'Keys' }, '? keys');
keys.addEventListener('click', showKeys);
const tools = byId('tools');
tools.append(themeButton, keys);
tools.hidden = false;
startTheme();
startFilters();
startKeys();
startViews();
document.documentElement.dataset['ready'] = 'yes';
