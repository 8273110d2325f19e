"""Real pages: PDFs of Debian's documentation that nobody rendered for recto, with facts taken from their sources.

`catalogue` says which pages, `archive` brings the packages' files, `sources` and `pieces` read the source, `page_text`,
`margins` and `tables` read the PDF's text layer, `facts` says what must hold, `degrade` makes scans, `stage` writes the
page set. A scan is an image alone: its page is given to the systems without a PDF.
"""
