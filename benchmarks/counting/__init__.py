"""Simulated counts: does the interval hold the truth, and what does a slide's count detect?"""
