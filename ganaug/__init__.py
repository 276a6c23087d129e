"""A data-augmentation component that says whether it helped."""
