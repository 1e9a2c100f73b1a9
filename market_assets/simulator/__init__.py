"""Exchanges on loopback: the venues' public endpoints over real HTTP, without the internet.

An independent reading of the venues' documents: nothing here may know how the product reads them.
"""
