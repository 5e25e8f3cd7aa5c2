"""Compute an acute and a chronic heart and measure their scars: lesions, patients, a figure. No torch, no napari."""

import pandas as pd

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.measure import measure_labels, summarise_lesions, summarise_patients
from napari_scarseg.measure.figures import distribution_figure
from napari_scarseg.measure.scar_lesions import find_scar_lesions
from napari_scarseg.phantom import make_phantom

tables = []
for seed, phase in enumerate((Phase.ACUTE, Phase.ACUTE, Phase.CHRONIC, Phase.CHRONIC)):
    phantom = make_phantom(seed, phase)
    # The truth has tissue classes: infarct and MVO (3 and 4) are scar. Lesions are its components.
    lesions = find_scar_lesions(phantom.labels, (3, 4))
    case = CaseInfo(f"heart{seed}", phase=phase, cohort="phantom")
    table = measure_labels(lesions, phantom.stack.spacing, case, image=phantom.stack.data)
    tables.append(table)
    print(f"{case.case}, {phase}: {phantom.infarct_mass_g:.1f} g of infarct in the heart that was computed")

table = pd.concat(tables, ignore_index=True)
print(summarise_lesions(table)[["case", "phase", "lesion_id", "mass_g"]].round(1).to_string(index=False))
print(summarise_patients(table)[["patient", "phase", "mass_g"]].round(1).to_string(index=False))
distribution_figure(table, "circularity", group="phase").savefig("circularity.png")
