"""Exchanges on loopback: Binance USD-M, OKX swaps and Aster over real HTTP, without the internet.

An independent reading of the venues' documents: nothing here may know how the product reads them.
"""
