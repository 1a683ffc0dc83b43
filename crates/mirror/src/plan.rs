//! What a document is made of, and how it reads when its pictures lie here.
