"""DOOR"""
