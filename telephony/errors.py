"""The errors the house speaks of. What a caller does next depends on the class alone."""


class RingfenceError(Exception):
    """Anything Ringfence reports to a person in one line, without a traceback."""


class TelephonyError(RingfenceError):
    """Something about calls, numbers or money is not as it must be."""


class CdrRejected(TelephonyError):
    """A call record that cannot be read; the reason names the column and what it held."""


class NotACallRecordFile(TelephonyError):
    """A file whose header is not that of a CDR or CMR file. It is left where it is."""


class TariffGap(TelephonyError):
    """No rate of a tariff covers this number at this instant."""


class UnknownNumber(TelephonyError):
    """Digits no dial plan can make sense of."""


class PbxError(RingfenceError):
    """The phone system did not do what was asked. Retry depends on the subclass alone."""


class PbxUnavailable(PbxError):
    """Not reachable, or the connection broke: try again."""


class PbxThrottled(PbxError):
    """Asked to slow down: try again later. `retry_after_s` where the phone system named a time."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PbxRefused(PbxError):
    """Understood and declined: do not try the same again. `code` is the vendor's, if any."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class PbxGone(PbxRefused):
    """What was asked about is not there any longer."""


class PbxProtocolError(PbxError):
    """An answer that makes no sense: a bug, or a version we do not know."""
