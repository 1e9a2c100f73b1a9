"""Exchanges on loopback: Binance USD-M, OKX swaps, Aster, Bybit over real HTTP, without internet.

An independent reading of the venues' documents: nothing here may know how the product reads them.
"""
