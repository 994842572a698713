"""Operations that move money or publish versions: by custody, or signed by who owns the account."""
