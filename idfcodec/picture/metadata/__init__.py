"""What picture files say beside their pixels, read from their bytes and written back into them.

Reading never fails for it: what cannot be read or kept is left out, with a sentence that says so.
"""

from idfcodec.picture.metadata.image import metadata_of_image
from idfcodec.picture.metadata.reading import begins_picture, read_metadata
from idfcodec.picture.metadata.writing import write_metadata

__all__ = ["begins_picture", "metadata_of_image", "read_metadata", "write_metadata"]
