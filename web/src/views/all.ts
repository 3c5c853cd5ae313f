// The views in the order of the navigation.

import { anomaly } from "./anomaly/anomaly";
import { compare } from "./compare/compare";
import { manifold } from "./manifold/manifold";
import { personalize } from "./personalize/personalize";
import { restore } from "./restore/restore";
import type { View } from "./view";

export const VIEWS: View[] = [manifold, restore, compare, anomaly, personalize];
