from fusion_assets_tests.systems.built_up.conftest import town

__all__ = ["town"]
