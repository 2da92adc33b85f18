// The portal works without this. What it adds: live parts, forms that answer in place, questions
// before what cannot be taken back, tips, menus that close, tables whose header stays in sight.
import { liveParts } from "./live.js";
import { dialogs } from "./dialogs.js";
import { forms } from "./forms.js";
import { menus } from "./menus.js";
import { keys } from "./keys.js";
import { tips } from "./tips.js";
import { tables } from "./tables.js";

dialogs(); // before forms: what is not confirmed is not sent
forms(liveParts());
menus();
keys();
tips();
tables();
