"""The registry's part about the image under a lesion: grey values, contrast and texture."""

from napari_scarseg.measure.feature_spec import Aggregation, FeatureFamily, FeatureSpec

# Grey levels between the lesion's darkest and brightest pixel, for entropy and texture.
GREY_LEVELS = 16

_NO_IMAGE = "no image was given (then the column is absent)"
_BINS = f"in {GREY_LEVELS} equal steps between the lesion's darkest and brightest pixel on the slice"
_GLCM = f"grey-level co-occurrence at 1 px, 4 directions merged, symmetric, pairs inside the lesion, {_BINS}"
_GLCM_SOURCE = (
    "Haralick 1973; IBSI (fixed bin number, 2-D merged); scikit-image `graycomatrix`; equal to its `graycoprops`"
)
_NO_PAIR = f"no two neighbouring pixels, or {_NO_IMAGE}"
_RING = "the ring of 3 px round it, pixels of any lesion left out"

INTENSITY_FEATURES: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "intensity_mean",
        "Mean intensity",
        "image units",
        "mean of the image over the mask",
        "scikit-image `intensity_mean`",
        (None, None),
        _NO_IMAGE,
        FeatureFamily.INTENSITY,
    ),
    FeatureSpec(
        "intensity_sd",
        "SD of intensity",
        "image units",
        "√(mean of squared deviations), divided by n",
        "scikit-image `intensity_std`",
        (0, None),
        f"the mask is one pixel, or {_NO_IMAGE}",
        FeatureFamily.INTENSITY,
        Aggregation.POOLED_SD,
    ),
    FeatureSpec(
        "intensity_entropy_bits",
        "Entropy of intensity",
        "bits",
        f"−Σ p log₂ p of the grey values, {_BINS}",
        "Shannon 1948; IBSI intensity entropy, fixed bin number",
        (0, 4),
        f"the mask is one pixel, or {_NO_IMAGE}",
        FeatureFamily.INTENSITY,
    ),
    FeatureSpec(
        "contrast_to_ring",
        "Contrast to surroundings",
        "SD",
        f"(mean of the lesion − mean of {_RING}) / SD of that ring; the blood may lie in it",
        "own; unchanged by the image's scale and offset",
        (None, None),
        f"under 8 pixels in the ring, or all of them equal, or {_NO_IMAGE}",
        FeatureFamily.INTENSITY,
    ),
    FeatureSpec(
        "glcm_contrast",
        "Texture contrast",
        "",
        f"Σ p(i, j) (i − j)²; {_GLCM}",
        _GLCM_SOURCE,
        (0, (GREY_LEVELS - 1) ** 2),
        _NO_PAIR,
        FeatureFamily.TEXTURE,
    ),
    FeatureSpec(
        "glcm_homogeneity",
        "Texture homogeneity",
        "",
        "Σ p(i, j) / (1 + (i − j)²)",
        _GLCM_SOURCE,
        (0, 1),
        _NO_PAIR,
        FeatureFamily.TEXTURE,
    ),
    FeatureSpec(
        "glcm_energy",
        "Texture energy",
        "",
        "√(Σ p(i, j)²)",
        _GLCM_SOURCE,
        (0, 1),
        _NO_PAIR,
        FeatureFamily.TEXTURE,
    ),
    FeatureSpec(
        "glcm_correlation",
        "Texture correlation",
        "",
        "Σ p(i, j) (i − μ)(j − μ) / σ²",
        _GLCM_SOURCE,
        (-1, 1),
        f"all grey values are equal, {_NO_PAIR}",
        FeatureFamily.TEXTURE,
    ),
    FeatureSpec(
        "glcm_entropy_bits",
        "Texture entropy",
        "bits",
        "−Σ p(i, j) log₂ p(i, j)",
        "Haralick 1973; IBSI joint entropy",
        (0, 8),
        _NO_PAIR,
        FeatureFamily.TEXTURE,
    ),
)
