"""Call records as Cisco UCM 14 writes them: CDR of 133 columns, CMR of 48, quoted, with types.

A record is a mapping of the columns that were set; all others hold what Cisco UCM writes for *not
set*. Rendering keeps every cell ready quoted, since a year of calls is rendered in seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

Record = dict[str, str | int]
"""The columns of a row that were set, by name."""

# Name and type of each column: I integer, U unique identifier, else the length of the text.
_CDR = """
    cdrRecordType:I globalCallID_callManagerId:I globalCallID_callId:I origLegCallIdentifier:I
    dateTimeOrigination:I origNodeId:I origSpan:I origIpAddr:I callingPartyNumber:50
    callingPartyUnicodeLoginUserID:128 origCause_location:I origCause_value:I
    origPrecedenceLevel:I origMediaTransportAddress_IP:I origMediaTransportAddress_Port:I
    origMediaCap_payloadCapability:I origMediaCap_maxFramesPerPacket:I origMediaCap_g723BitRate:I
    origVideoCap_Codec:I origVideoCap_Bandwidth:I origVideoCap_Resolution:I
    origVideoTransportAddress_IP:I origVideoTransportAddress_Port:I origRSVPAudioStat:64
    origRSVPVideoStat:64 destLegIdentifier:I destNodeId:I destSpan:I destIpAddr:I
    originalCalledPartyNumber:50 finalCalledPartyNumber:50 finalCalledPartyUnicodeLoginUserID:128
    destCause_location:I destCause_value:I destPrecedenceLevel:I destMediaTransportAddress_IP:I
    destMediaTransportAddress_Port:I destMediaCap_payloadCapability:I
    destMediaCap_maxFramesPerPacket:I destMediaCap_g723BitRate:I destVideoCap_Codec:I
    destVideoCap_Bandwidth:I destVideoCap_Resolution:I destVideoTransportAddress_IP:I
    destVideoTransportAddress_Port:I destRSVPAudioStat:64 destRSVPVideoStat:64 dateTimeConnect:I
    dateTimeDisconnect:I lastRedirectDn:50 pkid:U originalCalledPartyNumberPartition:50
    callingPartyNumberPartition:50 finalCalledPartyNumberPartition:50 lastRedirectDnPartition:50
    duration:I origDeviceName:129 destDeviceName:129 origCallTerminationOnBehalfOf:I
    destCallTerminationOnBehalfOf:I origCalledPartyRedirectOnBehalfOf:I
    lastRedirectRedirectOnBehalfOf:I origCalledPartyRedirectReason:I lastRedirectRedirectReason:I
    destConversationId:I globalCallId_ClusterID:50 joinOnBehalfOf:I comment:2048
    authCodeDescription:50 authorizationLevel:I clientMatterCode:32 origDTMFMethod:I
    destDTMFMethod:I callSecuredStatus:I origConversationId:I origMediaCap_Bandwidth:I
    destMediaCap_Bandwidth:I authorizationCodeValue:32 outpulsedCallingPartyNumber:50
    outpulsedCalledPartyNumber:50 origIpv4v6Addr:64 destIpv4v6Addr:64
    origVideoCap_Codec_Channel2:I origVideoCap_Bandwidth_Channel2:I
    origVideoCap_Resolution_Channel2:I origVideoTransportAddress_IP_Channel2:I
    origVideoTransportAddress_Port_Channel2:I origVideoChannel_Role_Channel2:I
    destVideoCap_Codec_Channel2:I destVideoCap_Bandwidth_Channel2:I
    destVideoCap_Resolution_Channel2:I destVideoTransportAddress_IP_Channel2:I
    destVideoTransportAddress_Port_Channel2:I destVideoChannel_Role_Channel2:I
    IncomingProtocolID:I IncomingProtocolCallRef:32 OutgoingProtocolID:I
    OutgoingProtocolCallRef:32 currentRoutingReason:I origRoutingReason:I
    lastRedirectingRoutingReason:I huntPilotPartition:50 huntPilotDN:50 calledPartyPatternUsage:I
    IncomingICID:50 IncomingOrigIOI:50 IncomingTermIOI:50 OutgoingICID:50 OutgoingOrigIOI:50
    OutgoingTermIOI:50 outpulsedOriginalCalledPartyNumber:50 outpulsedLastRedirectingNumber:50
    wasCallQueued:I totalWaitTimeInQueue:I callingPartyNumber_uri:255
    originalCalledPartyNumber_uri:255 finalCalledPartyNumber_uri:255 lastRedirectDn_uri:255
    mobileCallingPartyNumber:50 finalMobileCalledPartyNumber:50 origMobileDeviceName:129
    destMobileDeviceName:129 origMobileCallDuration:I destMobileCallDuration:I mobileCallType:I
    originalCalledPartyPattern:50 finalCalledPartyPattern:50 lastRedirectingPartyPattern:50
    huntPilotPattern:50 origDeviceType:100 destDeviceType:100 origDeviceSessionID:128
    destDeviceSessionID:128
"""
_CMR = """
    cdrRecordType:I globalCallID_callManagerId:I globalCallID_callId:I nodeId:I directoryNum:50
    callIdentifier:I dateTimeStamp:I numberPacketsSent:I numberOctetsSent:I
    numberPacketsReceived:I numberOctetsReceived:I numberPacketsLost:I jitter:I latency:I pkid:U
    directoryNumPartition:50 globalCallId_ClusterID:50 deviceName:129 varVQMetrics:600 duration:I
    videoContentType:10 videoDuration:I numberVideoPacketsSent:I numberVideoOctetsSent:I
    numberVideoPacketsReceived:I numberVideoOctetsReceived:I numberVideoPacketsLost:I
    videoAverageJitter:I videoRoundTripTime:I videoOneWayDelay:I videoReceptionMetrics:600
    videoTransmissionMetrics:600 videoContentType_channel2:10 videoDuration_channel2:I
    numberVideoPacketsSent_channel2:I numberVideoOctetsSent_channel2:I
    numberVideoPacketsReceived_channel2:I numberVideoOctetsReceived_channel2:I
    numberVideoPacketsLost_channel2:I videoAverageJitter_channel2:I videoRoundTripTime_channel2:I
    videoOneWayDelay_channel2:I videoReceptionMetrics_channel2:600
    videoTransmissionMetrics_channel2:600 localSessionID:128 remoteSessionID:128 headsetSN:129
    headsetMetrics:1024
"""


class Layout:
    """The columns of one kind of record file."""

    def __init__(self, description: str) -> None:
        pairs = [column.split(":") for column in description.split()]
        self.columns = tuple(name for name, _ in pairs)
        self.place = {name: index for index, name in enumerate(self.columns)}
        self._texts = frozenset(name for name, kind in pairs if kind != "I")
        self._blank = ['""' if kind != "I" else "0" for _, kind in pairs]
        self.header = ",".join(f'"{name}"' for name in self.columns)
        self.types = ",".join(_type(kind) for _, kind in pairs)

    def line(self, record: Mapping[str, str | int]) -> str:
        """A record as a line without its end."""
        cells = self._blank.copy()
        for name, value in record.items():
            if name in self._texts:
                text = str(value)
                cells[self.place[name]] = f'"{text.replace(chr(34), chr(34) * 2)}"'
            else:
                cells[self.place[name]] = str(value)
        return ",".join(cells)

    def file(self, records: Iterable[Mapping[str, str | int]]) -> bytes:
        """A whole file: header, types, a line for each record."""
        lines = [self.header, self.types, *(self.line(record) for record in records)]
        return ("\n".join(lines) + "\n").encode()


def _type(kind: str) -> str:
    return {"I": "INTEGER", "U": "UNIQUEIDENTIFIER"}.get(kind, f"VARCHAR({kind})")


CDR = Layout(_CDR)
CMR = Layout(_CMR)


def signed_address(text: str) -> int:
    """An IPv4 address as records carry it: a signed 32-bit integer, lowest byte first."""
    return int(struct.unpack("<i", IPv4Address(text).packed)[0])
