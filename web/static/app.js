// The portal works without this. What it adds: live parts, forms that answer in place, menus that close.
import { liveParts } from "./live.js";
import { forms } from "./forms.js";
import { menus } from "./menus.js";

forms(liveParts());
menus();
