"""Asking other people's services: one set of promises for every source and every client library."""

from tasks.collect.fetch.fetcher import Fetcher, FetchError, Manners

__all__ = ["FetchError", "Fetcher", "Manners"]
