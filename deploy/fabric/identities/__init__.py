"""Certificates: the organisations' CAs, and the MSP directories of everybody that they certify."""
