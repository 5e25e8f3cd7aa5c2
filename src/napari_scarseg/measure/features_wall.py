"""The registry's part about a lesion in the wall of the left ventricle, unrolled round its centre."""

from napari_scarseg.measure.feature_spec import Aggregation, FeatureFamily, FeatureSpec

_NO_CENTRE = "the LV's centre is unknown on the slice, or neither it nor the myocardium was given (column absent)"
_NO_WALL = "the myocardium is unknown on the slice, or neither it nor the LV's centre was given (column absent)"
_RAYS = "360 rays from the LV's centre, sampled at half a pixel"

WALL_FEATURES: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "angular_extent_deg",
        "Angular extent",
        "°",
        f"rays that meet the lesion over at least half a pixel (all that meet it where none does); {_RAYS}",
        "own",
        (0, 360),
        _NO_CENTRE,
        FeatureFamily.WALL,
    ),
    FeatureSpec(
        "unwrapped_solidity",
        "Unwrapped solidity",
        "",
        "area / area of the convex hull in the plane of angle and depth (share of the wall; distance from the centre "
        "where the myocardium is unknown), cut in the widest gap of the lesion",
        "own; hull: scikit-image `convex_hull_image`",
        (0, 1),
        _NO_CENTRE,
        FeatureFamily.WALL,
    ),
    FeatureSpec(
        "transmurality_pct",
        "Transmurality",
        "%",
        "100 · lesion's length / wall's length on a ray, mean over the rays that meet the lesion",
        "radial method; wall = myocardium with all lesions",
        (0, 100),
        _NO_WALL,
        FeatureFamily.WALL,
    ),
    FeatureSpec(
        "transmurality_max_pct",
        "Greatest transmurality",
        "%",
        "95th percentile over the rays of the above",
        "radial method; wall = myocardium with all lesions",
        (0, 100),
        _NO_WALL,
        FeatureFamily.WALL,
    ),
    FeatureSpec(
        "endocardial_extent_pct",
        "Endocardial extent",
        "%",
        "100 · length of the slice's endocardium that the lesion touches (to within one pixel) / its whole length",
        "own; per slice",
        (0, 100),
        _NO_WALL,
        FeatureFamily.WALL,
    ),
    FeatureSpec(
        "endocardial_share_pct",
        "Share of the LV's endocardium",
        "%",
        "100 · length of endocardium that the lesion touches / length of all slices with myocardium",
        "endocardial surface area of infarct (ESA), as length × slice distance",
        (0, 100),
        _NO_WALL,
        FeatureFamily.WALL,
        Aggregation.SUM,
    ),
    FeatureSpec(
        "lv_share_pct",
        "Share of the LV's mass",
        "%",
        "100 · A / area of the wall over all slices of the stack",
        "infarct size in % of LV mass; wall = myocardium with all lesions, of the same stack",
        (0, 100),
        "the myocardium was not given",
        FeatureFamily.BURDEN,
        Aggregation.SUM,
    ),
    FeatureSpec(
        "contrast_to_remote",
        "Contrast to remote myocardium",
        "SD",
        "(mean of the lesion − mean of the slice's myocardium outside all lesions) / SD of that myocardium",
        "the n of n-SD methods; contrast-to-noise ratio",
        (None, None),
        "under 20 pixels of myocardium without lesion on the slice, or all of them equal, or no image was given",
        FeatureFamily.INTENSITY,
    ),
)
