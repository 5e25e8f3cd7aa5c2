"""Numbers as text, for pages and figures."""


def number_text(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; a dash where there is none.

    Examples
    --------
    >>> number_text(0.123456), number_text(-1234.5), number_text(float("nan"))
    ('0.123', '−1230', '–')
    """
    if value != value:
        return "–"
    rounded = float(f"{value:.{digits}g}")
    text = f"{rounded:.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:.{digits}g}"
    return text.replace("-", "−")


def interval_text(value: float, low: float, high: float) -> str:
    """A value with its interval in brackets, where it has one."""
    if low != low or high != high:
        return number_text(value)
    return f"{number_text(value)} [{number_text(low)}, {number_text(high)}]"


def p_text(p: float) -> str:
    """A p or q value; never 0."""
    if p != p:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
